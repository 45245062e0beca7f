import Testing

@testable import DMSEngine

@Suite("The way into an engine")
struct MailboxTests {
    @Test("a look without a lock finds nothing, a command once, and the time to close")
    func news() throws {
        let mailbox = Mailbox(openLimit: 4)
        #expect(mailbox.take(waits: false, isDrained: true, until: nil) == nil)
        mailbox.post(.cancel(RequestID(3)))
        mailbox.post(.resume(RequestID(4)))
        let news = try #require(mailbox.take(waits: false, isDrained: true, until: nil))
        #expect(news.commands.count == 2 && news.closing == nil)
        #expect(mailbox.take(waits: false, isDrained: true, until: nil) == nil)
        let instant = ContinuousClock.now + .seconds(60)
        mailbox.close(at: instant)
        mailbox.close(at: instant + .seconds(1))
        let last = try #require(mailbox.take(waits: false, isDrained: true, until: nil))
        #expect(last.commands.isEmpty && last.closing == instant)
        // Drained and closed, there is nothing to wait for; else the time to close is.
        #expect(mailbox.take(waits: true, isDrained: true, until: nil)?.closing == instant)
        let start = ContinuousClock.now
        #expect(mailbox.take(waits: true, isDrained: false, until: start + .milliseconds(20)) != nil)
        #expect(ContinuousClock.now - start >= .milliseconds(20))
    }

    private static let posters = 4
    private static let commands = 5000

    /// What an engine's thread is told until it has been told of all commands and of the closing time.
    private static func listen(_ mailbox: Mailbox, waits: Bool) -> (cancelled: [Int], submitted: [Int]) {
        var cancelled: [Int] = []
        var submitted: [Int] = []
        var isClosed = false
        while !isClosed || cancelled.count < posters * commands {
            let news = mailbox.take(waits: waits, isDrained: false, until: .now + .milliseconds(50))
            guard let news else { continue }
            isClosed = isClosed || news.closing != nil
            for command in news.commands {
                switch command {
                case .cancel(let id): cancelled.append(id.rawValue)
                case .submit(let submission): submitted.append(submission.id.rawValue)
                case .resume, .saved: break
                }
            }
        }
        return (cancelled, submitted)
    }

    @Test("no command is missed or told twice, whatever comes when, and none after closing", arguments: [false, true])
    func races(waits: Bool) async throws {
        let mailbox = Mailbox(openLimit: .max)
        async let told = withCheckedContinuation { continuation in
            // Not a task: it spins or sleeps.
            do {
                try EngineThread.start { continuation.resume(returning: Self.listen(mailbox, waits: waits)) }
            } catch {
                continuation.resume(returning: ([], []))
            }
        }
        await withTaskGroup { group in
            for poster in 0..<Self.posters {
                group.addTask {
                    for index in 0..<Self.commands {
                        mailbox.post(.cancel(RequestID(poster * Self.commands + index)))
                        if index % 100 == 0 { await Task.yield() }
                    }
                }
            }
        }
        // Submissions on both sides of the closing time: they are refused, or the engine sees them.
        var accepted: [Int] = []
        for index in 0..<200 {
            if index == 100 { mailbox.close(at: .now + .seconds(600)) }
            let request = try GenerationRequest(prompt: [1], maximumTokens: 1)
            if let (id, _) = try? mailbox.submit(request, bufferedEvents: 1) { accepted.append(id.rawValue) }
        }
        let (cancelled, submitted) = await told
        #expect(accepted.count == 100 && submitted == accepted)
        #expect(cancelled.sorted() == Array(0..<Self.posters * Self.commands))
        for poster in 0..<Self.posters {
            let own = cancelled.filter { $0 / Self.commands == poster }
            #expect(own == own.sorted())
        }
    }
}
