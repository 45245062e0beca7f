import ArgumentParser

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Runs the command and turns every outcome into the exit status and messages that scripts depend on.
@main
enum Main {
    // Not asynchronous: Dispatch would park the main thread, and tools that follow threads lose the program there.
    static func main() {
        do {
            var command = try DMSCommand.parseAsRoot()
            if var user = command as? any ModelUsing {
                let resolver = ModelResolver(user.hub)
                try user.resolveModels(resolver.folder)
                command = user
            }
            try command.run()
        } catch {
            exit(report(error))
        }
    }

    private static func report(_ error: any Error) -> Int32 {
        let code = DMSCommand.exitCode(for: error).rawValue
        if code == ExitCode.success.rawValue {
            // Help and version arrive as errors, too.
            do {
                try Console.write(DMSCommand.fullMessage(for: error) + "\n")
                return code
            } catch {
                return report(error)
            }
        }
        if code == ExitCode.validationFailure.rawValue {
            let message = DMSCommand.fullMessage(for: error)
            let prefix = "Error: "
            Console.note(
                "dms: error: " + (message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message))
            return code
        }
        if error is ExitCode { return code }
        Console.note("dms: error: \(error)")
        return ExitCode.failure.rawValue
    }
}
