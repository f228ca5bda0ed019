public import Engine

/// What a training step takes from the one before and hands on.
public struct Carried {
    /// The values of the trained parameters, in the order of the program's arguments.
    public var parameters: [Tensor]
    /// Values that training updates without a gradient (moving averages).
    public var states: [Tensor]
    /// The optimizer's own tensors.
    public var slots: [Tensor]

    public init(parameters: [Tensor], states: [Tensor], slots: [Tensor]) {
        (self.parameters, self.states, self.slots) = (parameters, states, slots)
    }
}
