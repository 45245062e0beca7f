import DMSCheckpoint
import DMSJSON

/// What all checks have seen of a folder: what verdicts are made of.
struct Examination {
    let folder: ModelFolder
    let configuration: ConfigurationCheck
    let generation: GenerationCheck
    let tokenizer: TokenizerCheck
    let weights: WeightFilesCheck
    let tensors: TensorsCheck
    let values: ValuesCheck
    let metadata: MetadataCheck
    let digest: DigestCheck
    let gates: GatesCheck
}
