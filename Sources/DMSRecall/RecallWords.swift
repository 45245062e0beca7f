/// The words of the recall texts; each stands in one list only.
enum RecallWords {
    /// 64 people whom sentences are about.
    static let names = words(
        """
        Ada Adam Alice Anna Ben Bruno Carl Clara Daniel David Dora Edgar Elena Emil Emma Eric Eva Felix Fiona Frank Gina \
        Greta Hanna Harry Helen Hugo Ida Igor Iris Ivan Jack Jane Joan Jonas Julia Karl Kate Laura Leo Linda Lucas Lucy \
        Maria Martin Max Mia Nina Nora Olga Oscar Otto Paul Peter Rita Robert Rosa Ruth Sara Simon Sofia Thomas Tina \
        Vera Victor
        """)

    /// The 64 passwords.
    static let passwords = words(
        """
        anchor apple arrow basket bell bottle button candle carpet castle cherry clock cloud copper cotton crystal \
        diamond drum eagle ember falcon feather fiddle flute fossil garlic ginger hammer harbor honey island ivory \
        jacket jasmine kettle ladder lantern lemon magnet maple marble mirror needle nickel olive orchid oyster paper \
        pepper pigeon pillow planet ribbon rocket saddle silver spider tiger tulip velvet violin walnut whale zebra
        """)

    /// Whom the other sentences are about, besides people.
    static let subjects = words(
        """
        baker boy carpenter cat child clerk cook dog doctor driver farmer fisher gardener girl guard horse hunter judge \
        king miller nurse painter pilot poet queen sailor singer smith student tailor teacher writer
        """)

    /// What they are like; places are like that, too.
    static let adjectives = words(
        """
        angry bright busy calm careful cheerful clever cold dark gentle happy heavy hungry kind lonely lucky old polite \
        proud quiet strange tall tired young
        """)

    /// What they did.
    static let verbs = words(
        """
        argued arrived danced dreamed hurried jumped knelt laughed listened marched paused played rested sang shouted \
        slept smiled stood studied swam waited walked wept worked
        """)

    /// How they did it.
    static let adverbs = words(
        "again alone always bravely early gladly loudly often quickly slowly softly together")

    /// Where, together with a place.
    static let prepositions = words("above behind below beside inside near outside under")

    /// Places.
    static let places = words(
        """
        barn bench bridge church corner field forest fountain garden gate hill house lake market mill mountain palace \
        river road school station tower village wall
        """)

    /// The words between them.
    static let frame = words("The the password is")

    /// Every word once, in the order of the tokenizer.
    static let all = frame + names + passwords + subjects + adjectives + verbs + adverbs + prepositions + places

    private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
