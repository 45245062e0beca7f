/// The names that Hugging Face checkpoints give to the tensors of a Llama and its kin.
public enum LlamaTensorName {
    /// `[vocab_size, hidden_size]`.
    public static let embedding = embeddingLayer + ".weight"
    /// The embedding without `.weight`.
    public static let embeddingLayer = "model.embed_tokens"
    /// `[hidden_size]`.
    public static let finalNorm = "model.norm.weight"
    /// `[vocab_size, hidden_size]`; absent when the embedding is the head too.
    public static let outputHead = headLayer + ".weight"
    /// The head without `.weight`.
    public static let headLayer = "lm_head"

    /// The name of a tensor of one layer, such as `self_attn.q_proj.weight`.
    public static func layer(_ index: Int, _ part: String) -> String { "model.layers.\(index).\(part)" }
}
