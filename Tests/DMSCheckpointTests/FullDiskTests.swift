#if os(Linux)
import DMSCheckpoint
import Foundation
import Testing

/// A file system of 64 KiB.
///
/// Mounting one takes rights that few test runs have; without them the test is skipped and
/// ``AtomicFileTests`` stands in with a device that is always full.
private let tinyFileSystem: TemporaryDirectory? = {
    let directory = TemporaryDirectory()
    return mount("tmpfs", directory.path, "tmpfs", 0, "size=64k") == 0 ? directory : nil
}()

@Test(.enabled(if: tinyFileSystem != nil)) func aFullDiskLeavesTheOldFileAndNoRemnant() throws {
    let directory = try #require(tinyFileSystem)
    defer {
        umount2(directory.path, Int32(MNT_DETACH))
        rmdir(directory.path)
    }
    let path = directory.write("old", "model.safetensors")
    let tensor = TensorDeclaration(name: "big", dtype: .unsigned8, shape: [1 << 20])
    expectError(file: "model.safetensors", nil, found: "No space left on device", required: "room") {
        () throws(CheckpointError) in
        try SafetensorsWriter.write(to: path, tensors: [tensor]) { (_, output) throws(CheckpointError) in
            try output.append([UInt8](repeating: 7, count: 1 << 20))
        }
    }
    #expect(directory.contents("model.safetensors") == Array("old".utf8))
    #expect(directory.names == ["model.safetensors"])
}
#endif
