/// Where a prompt and a text end up on a terminal of some width.
struct LineLayout: Equatable {
    struct Place: Equatable {
        var row = 0
        var column = 0
    }

    /// Where the cursor belongs.
    let cursor: Place
    /// Behind the last character.
    let end: Place
    /// Whether the end is at the left edge because the last row is full; a terminal waits at the right edge then.
    let endsFullRow: Bool

    /// - Parameter columns: Of the terminal, at least 2.
    init(prompt: String, _ buffer: LineBuffer, columns: Int) {
        var place = Place()
        var isFull = false
        func advance(_ character: Character) {
            isFull = false
            if character == "\n" {
                place = Place(row: place.row + 1, column: 0)
                return
            }
            let width = DisplayWidth.columns(of: character)
            // A wide character does not fit into the last column and goes to the next row.
            if place.column + width > columns { place = Place(row: place.row + 1, column: 0) }
            place.column += width
            if place.column == columns {
                place = Place(row: place.row + 1, column: 0)
                isFull = true
            }
        }
        for character in prompt { advance(character) }
        var cursor = place
        for (index, character) in buffer.text.enumerated() {
            if index == buffer.cursor { cursor = place }
            advance(character)
        }
        self.cursor = buffer.cursor == buffer.text.count ? place : cursor
        end = place
        endsFullRow = isFull
    }
}
