public import Engine
public import Formats

/// What a run did, and what it depended on: the file of `tfs run --record`.
public struct RunRecord: Sendable {
    /// Changes with the form of the file.
    static let form = 1

    public var version: String
    public var processor: String
    public var threads: Int
    public var libraries: [String: String] = [:]
    /// The path of the script as it was given, and its text.
    public var script: String
    public var text: String
    /// Values that the command line gave to options.
    public var options: [String: String]
    /// Files that were read, in order: imported scripts and data as they were named, those of the standard library from
    /// `stdlib/` on.
    public var files: [Journal.Entry] = []
    public var fits: [Fit] = []
    /// What the run wrote, line by line as far as lines are kept, and how much there was.
    public var output: [String] = []
    public var outputDigest = Digest()
    public var outputCount = 0
    /// How the run ended; `nil` while it has not.
    public var status: Int?

    static let mostLines = 1000

    /// One call of `fit`.
    public struct Fit: Sendable {
        /// The estimator's name, and where the call stands.
        var name: String
        var place: String
        /// The seed in force, and how many draws had been numbered.
        var seed: Int
        var draws: Int
        /// Parameters, states and optimizer's slots, each with its type.
        var tensors: [String]
        /// Of the whole tensors before the first step.
        var start: [Digest]
        /// One per step: the bits of the loss, a digest of the batch.
        var losses: [UInt64] = []
        var batches: [UInt32] = []
        /// Sixteen bits of each tensor's digest after those steps that are watched.
        var rows: [[UInt16]] = []
        var epochs: [Epoch] = []
    }

    struct Epoch: Sendable {
        /// The steps of the fit so far.
        var steps: Int
        var results: [(name: String, value: Double)]
        var tensors: [Digest]
    }

    public init(version: String, script: String, text: String, options: [String: String]) {
        (self.version, self.script, self.text, self.options) = (version, script, text, options)
        processor = Surroundings.processor
        threads = Surroundings.threads
    }

    /// Whether the tensors are looked at after a step of a fit, counted from 1: every one of the first thousand, every
    /// tenth up to ten thousand, then every hundredth, so that a long training makes no long record.
    static func isWatched(_ step: Int) -> Bool { step <= 1000 || step % 10 == 0 && step <= 10_000 || step % 100 == 0 }
}

// MARK: JSON

extension RunRecord {
    public var json: JSON {
        .object([
            .init("record", .int(Self.form)), .init("tfs", .string(version)), .init("processor", .string(processor)),
            .init("threads", .int(threads)), .init("libraries", Self.json(libraries)), .init("script", .string(script)),
            .init("text", .string(text)), .init("options", Self.json(options)),
            .init("files", .array(files.map { .object([.init("path", .string($0.path)), .init("digest", .string($0.digest.text))]) })),
            .init("fits", .array(fits.map(\.json))), .init("output", .array(output.map { .string($0) })),
            .init("output_bytes", .int(outputCount)), .init("output_digest", .string(outputDigest.text)),
            .init("status", status.map { .int($0) } ?? .null),
        ])
    }

    private static func json(_ texts: [String: String]) -> JSON {
        .object(texts.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
    }

    /// `nil` for what is no record of this form.
    public init?(json: JSON) {
        guard json["record"]?.int == Self.form, let version = json["tfs"]?.string, let script = json["script"]?.string,
            let text = json["text"]?.string, let processor = json["processor"]?.string, let threads = json["threads"]?.int,
            let files = json["files"]?.array, let fits = json["fits"]?.array, let output = json["output"]?.array,
            let count = json["output_bytes"]?.int, let digest = json["output_digest"]?.string.flatMap(Digest.init(text:))
        else { return nil }
        func texts(_ name: String) -> [String: String] {
            Dictionary((json[name]?.members ?? []).compactMap { member in member.value.string.map { (member.name, $0) } }) { $1 }
        }
        self.init(version: version, script: script, text: text, options: texts("options"))
        (self.processor, self.threads, libraries, outputCount, outputDigest) = (processor, threads, texts("libraries"), count, digest)
        self.output = output.compactMap(\.string)
        status = json["status"]?.int
        for file in files {
            guard let path = file["path"]?.string, let digest = file["digest"]?.string.flatMap(Digest.init(text:)) else { return nil }
            self.files.append(Journal.Entry(path: path, digest: digest))
        }
        for fit in fits {
            guard let fit = Fit(json: fit) else { return nil }
            self.fits.append(fit)
        }
    }
}

extension RunRecord.Fit {
    var json: JSON {
        .object([
            .init("name", .string(name)), .init("at", .string(place)), .init("seed", .int(seed)), .init("draws", .int(draws)),
            .init("tensors", .array(tensors.map { .string($0) })), .init("start", .string(Hex.join(start.map(\.value), 16))),
            .init("losses", .string(Hex.join(losses, 16))), .init("batches", .string(Hex.join(batches.map(UInt64.init), 8))),
            .init("steps", .array(rows.map { .string(Hex.join($0.map(UInt64.init), 4)) })), .init("epochs", .array(epochs.map(\.json))),
        ])
    }

    init?(json: JSON) {
        guard let name = json["name"]?.string, let place = json["at"]?.string, let seed = json["seed"]?.int,
            let draws = json["draws"]?.int, let tensors = json["tensors"]?.array, let start = Hex.split(json["start"], 16),
            let losses = Hex.split(json["losses"], 16), let batches = Hex.split(json["batches"], 8), let rows = json["steps"]?.array,
            let epochs = json["epochs"]?.array, losses.count <= batches.count
        else { return nil }
        self.init(
            name: name, place: place, seed: seed, draws: draws, tensors: tensors.compactMap(\.string),
            start: start.map(Digest.init(value:)), losses: losses, batches: batches.map(UInt32.init(truncatingIfNeeded:)))
        guard self.start.count == self.tensors.count else { return nil }
        for row in rows {
            guard let digests = Hex.split(row, 4), digests.count == self.tensors.count else { return nil }
            self.rows.append(digests.map(UInt16.init(truncatingIfNeeded:)))
        }
        for epoch in epochs {
            guard let steps = epoch["steps"]?.int, let results = epoch["results"]?.members, let digests = Hex.split(epoch["tensors"], 16),
                digests.count == self.tensors.count
            else { return nil }
            self.epochs.append(
                RunRecord.Epoch(
                    steps: steps, results: results.map { ($0.name, $0.value.double ?? .nan) }, tensors: digests.map(Digest.init(value:))))
        }
    }
}

extension RunRecord.Epoch {
    var json: JSON {
        .object([
            .init("steps", .int(steps)), .init("results", .object(results.map { .init($0.name, .number($0.value)) })),
            .init("tensors", .string(Hex.join(tensors.map(\.value), 16))),
        ])
    }
}

extension Digest {
    init(value: UInt64) {
        self.init()
        self.value = value
    }
    init?(text: String) {
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else { return nil }
        self.init(value: value)
    }
}

/// Numbers as hexadecimal digits, as many for each.
private enum Hex {
    static func join(_ numbers: [UInt64], _ digits: Int) -> String { numbers.map { Digest.hex($0, digits: digits) }.joined() }

    static func split(_ json: JSON?, _ digits: Int) -> [UInt64]? {
        guard let text = json?.string?.utf8, text.count % digits == 0 else { return nil }
        var numbers: [UInt64] = []
        numbers.reserveCapacity(text.count / digits)
        var number: UInt64 = 0
        for (index, byte) in text.enumerated() {
            let digit: UInt8
            switch byte {
            case 48...57: digit = byte - 48
            case 97...102: digit = byte - 87
            default: return nil
            }
            number = number << 4 | UInt64(digit)
            if index % digits == digits - 1 {
                numbers.append(number)
                number = 0
            }
        }
        return numbers
    }
}
