import DMSTensor

/// A matrix that can stand in an array, which a non-copyable tensor cannot.
final class OwnedMatrix {
    private let tensor: Tensor

    init(rows: Int, columns: Int) throws(MemoryError) { tensor = try Tensor(rows: rows, columns: columns) }

    /// Valid while the matrix lives.
    var view: MatrixView { tensor.view }

    /// Copies rows into the matrix from `first` on.
    func store(_ rows: MatrixView, at first: Int) {
        for row in 0..<rows.rows { _ = view.row(first + row).update(from: rows.row(row)) }
    }
}

/// Rows of logits that are held at a time: at most 32 MiB a subject, so that tokens x vocabulary never is.
func logitBlockRows(vocabularySize: Int) -> Int { min(256, max(1, (8 << 20) / vocabularySize)) }
