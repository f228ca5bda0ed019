/// Shows how training goes: a bar that is drawn over itself on a terminal, plain lines elsewhere.
public final class Progress {
    private let write: (String) -> Void
    private let isTerminal: Bool
    private let width: Int
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var epochStart: ContinuousClock.Instant
    private var lastDrawn: ContinuousClock.Instant?
    private var epoch = 0
    private var epochs: Int?
    private var batches: Int?
    private var drawn = 0
    /// The last epoch's line when it was held back, so that the end is always shown.
    private var heldBack: String?

    public init(write: @escaping (String) -> Void, isTerminal: Bool, width: Int) {
        self.write = write
        self.isTerminal = isTerminal
        self.width = max(width, 20)
        start = clock.now
        epochStart = start
    }

    func beginEpoch(_ epoch: Int, of epochs: Int?, batches: Int?) {
        (self.epoch, self.epochs, self.batches) = (epoch, epochs, batches)
        epochStart = clock.now
    }

    /// Whether enough time has passed to draw again.
    var wantsUpdate: Bool {
        guard isTerminal else { return false }
        guard let lastDrawn else { return true }
        return clock.now - lastDrawn > .milliseconds(100)
    }

    func update(_ batch: Int, _ values: [(name: String, value: Double)]) {
        lastDrawn = clock.now
        let tail = figures(values)
        let head = "epoch \(title) "
        let count = batches.map { " \(batch)/\($0)" } ?? " \(batch)"
        let room = width - head.count - count.count - tail.count - 4
        var bar = ""
        if let batches, room >= 8 {
            let length = min(room, 30)
            let full = batches > 0 ? min(length, length * batch / batches) : length
            bar = String(repeating: "━", count: full) + String(repeating: "╌", count: length - full)
        }
        draw(head + bar + count + "  " + tail)
    }

    func endEpoch(_ values: [(name: String, value: Double)]) {
        let line = "epoch \(title)  \(figures(values))  \(seconds(clock.now - epochStart))"
        if isTerminal {
            lastDrawn = clock.now
            draw(line)
            // With many epochs the line of the next one takes this one's place.
            if let epochs, epochs <= 20 {
                write("\n")
                drawn = 0
            }
        } else if let last = lastDrawn, clock.now - last < .milliseconds(500), epochs.map({ $0 > 20 }) ?? true {
            heldBack = line
        } else {
            lastDrawn = clock.now
            heldBack = nil
            write(line + "\n")
        }
    }

    func finish(interrupted: Bool) {
        if isTerminal, drawn > 0 { write("\n") }
        if let heldBack { write(heldBack + "\n") }
        if interrupted { write("interrupted: what was learned is kept\n") }
    }

    private var title: String { epochs.map { "\(epoch)/\($0)" } ?? "\(epoch)" }

    private func draw(_ line: String) {
        let shown = String(line.prefix(width - 1))
        write("\r" + shown + String(repeating: " ", count: max(0, drawn - shown.count)))
        drawn = shown.count
    }

    private func figures(_ values: [(name: String, value: Double)]) -> String {
        values.map { "\($0.name) \(short($0.value))" }.joined(separator: "  ")
    }

    /// Four significant digits.
    private func short(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0.0" : "\(value)" }
        var scale = 1.0
        while abs(value) * scale < 1000, scale < 1e12 { scale *= 10 }
        while abs(value) * scale >= 10000, scale > 1e-12 { scale /= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded.description
    }

    private func seconds(_ duration: Duration) -> String {
        let value = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        return value < 10 ? "\((value * 10).rounded() / 10) s" : "\(Int(value.rounded())) s"
    }
}
