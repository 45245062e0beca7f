import CDMSKernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How many processors this process may keep busy: those online, less what its affinity and the quota of its control
/// group (Linux, version 2) take away.
///
/// More threads than that would wait for each other in every kernel.
enum AvailableProcessors {
    static var count: Int {
        var count = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let affinity = Int(dms_affinity_count())
        if affinity > 0 { count = min(count, affinity) }
        if let quota = quota(processGroups: "/proc/self/cgroup", root: "/sys/fs/cgroup") { count = min(count, quota) }
        return count
    }

    /// Processors' worth of time that the process's control group and the groups around it are allowed, rounded up;
    /// `nil` without a limit.
    ///
    /// - Parameters:
    ///   - processGroups: The file that names the process's groups, `/proc/self/cgroup`.
    ///   - root: Where the hierarchy is mounted.
    static func quota(processGroups: String, root: String) -> Int? {
        guard let groups = contents(of: processGroups) else { return nil }
        let prefix = "0::/"
        guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }) else { return nil }
        // In a container the path may be one outside of it, so that only the root is there: every level counts that is.
        var group = root
        var smallest = contents(of: group + "/cpu.max").flatMap(limit(parsing:))
        for name in line.dropFirst(prefix.count).split(separator: "/") {
            group += "/" + name
            guard let own = contents(of: group + "/cpu.max").flatMap(limit(parsing:)) else { continue }
            smallest = min(smallest ?? own, own)
        }
        return smallest
    }

    /// What a `cpu.max` allows: `150000 100000`, microseconds of each period, are 2 processors; `max 100000` is no limit.
    static func limit(parsing text: String) -> Int? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let allowed = Int(words[0]), let period = Int(words[1]), allowed > 0, period > 0 else {
            return nil
        }
        return (allowed - 1) / period + 1
    }

    /// The beginning of a small file, or `nil` where it cannot be read.
    private static func contents(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
