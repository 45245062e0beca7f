/// What a scheduler asks of the memory that it plans for.
protocol SchedulerMemory {
    /// Whether a pass over `spans` fits the budget even if every head keeps everything, once the sequences of `removed`
    /// are gone.
    ///
    /// A removed sequence that occurs among the spans starts anew.
    func fits(_ spans: [PlannedSpan], removing removed: Set<RequestID>) -> Bool
}
