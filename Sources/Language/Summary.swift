internal import Engine
internal import Graphs
extension Machine {
    func summary(of layer: Layer) -> String { "" }
    func saveWeights(of layer: Layer, to path: String) throws {}
    func loadWeights(of layer: Layer, from path: String) throws {}
}
