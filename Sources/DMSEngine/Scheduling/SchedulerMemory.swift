/// What a scheduler asks of the memory that it plans for.
protocol SchedulerMemory {
    /// Whether a pass over `spans` fits the budget even if every head keeps everything, once the sequences of `removed`
    /// are gone, and as many stored prefixes as need be.
    ///
    /// A removed sequence that occurs among the spans starts anew; one that starts behind position 0 starts with what
    /// is stored up to there.
    func fits(_ spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool

    /// Whether such a pass fits while all stored prefixes stay.
    func hasRoom(for spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool

    /// What is stored of a waiting request's prompt.
    func storedPrefix(of id: RequestID) -> StoredPrefix
}
