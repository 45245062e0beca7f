import DMSPolicy

/// Plain sentences that say nothing about numbers: the hay.
enum FillerText {
    private static let subjects = [
        "The baker", "An old sailor", "The gardener", "Her younger brother", "The postman", "A quiet neighbour",
        "The night watchman", "Our teacher", "The carpenter", "A travelling musician", "The librarian", "My aunt",
        "The shepherd", "A visiting painter",
    ]
    private static let actions = [
        "opened the wooden gate", "carried a basket of apples", "repaired the garden wall", "read a long letter",
        "walked along the river", "waited under the chestnut tree", "swept the narrow street",
        "told a story about the sea", "painted the window frames", "fed the horses", "lit a small fire",
        "borrowed a heavy coat", "watched the clouds", "sang an old song",
    ]
    private static let endings = [
        "before the rain came", "while the bells were ringing", "in the early morning", "without saying a word",
        "as the market closed", "after the long winter", "on the way home", "because the evening was warm",
        "until the lamps were lit", "and thought of nothing else",
    ]

    /// Things that have a number, for needles; none occurs in a filler sentence.
    static let places = [
        "harbour", "mill", "castle", "bridge", "chapel", "lighthouse", "tower", "orchard", "quarry", "station",
        "museum", "theatre", "fountain", "stable", "brewery", "monastery", "vineyard", "foundry", "hospital", "academy",
    ]

    /// A sentence with a space before it.
    static func sentence(_ random: inout SplitMix64) -> String {
        " \(random.pick(subjects)) \(random.pick(actions)) \(random.pick(endings))."
    }
}
