/// The names that Hugging Face checkpoints give to the tensors of a Llama and its kin.
public enum LlamaTensorName {
    /// `[vocab_size, hidden_size]`.
    public static let embedding = "model.embed_tokens.weight"
    /// `[hidden_size]`.
    public static let finalNorm = "model.norm.weight"
    /// `[vocab_size, hidden_size]`; absent when the embedding is the head too.
    public static let outputHead = "lm_head.weight"

    /// The name of a tensor of one layer, such as `self_attn.q_proj.weight`.
    public static func layer(_ index: Int, _ part: String) -> String { "model.layers.\(index).\(part)" }
}
