/// An attention operator that can take the last tokens of a pass back.
///
/// A pass may end with draft rows (``ForwardBatch/Span/draftRows``): tokens that were guessed, and are seen by those behind
/// them. Once the pass is over and it is known how many of them were right, ``settle(_:accepting:)`` keeps these and takes
/// the others back, and the sequence is as if it had never seen them. A sequence stays as it is between the two, and no
/// other pass may begin; to remove it is always allowed.
public protocol DraftingAttention: AttentionOperator {
    /// The most draft rows of a pass, all sequences together.
    var maximumDraftRows: Int { get }

    /// Keeps the first `count` tokens of a sequence's draft, and takes the rest back.
    ///
    /// - Precondition: The last pass had `count` draft rows of the sequence or more, and they are not settled yet.
    func settle(_ sequence: Int, accepting count: Int)
}
