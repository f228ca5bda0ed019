internal import Glibc
internal import Synchronization

/// Makes elements ahead, on a thread of its own, a few at a time.
///
/// What makes them is called on that thread only; what it made before an error is given out before the error is.
@safe public final class Producer {
    public typealias Element = [Tensor]
    /// What both sides see. `Sendable` holds because everything is used under the lock, but `make`, which only the thread uses.
    @safe private final class Shared: @unchecked Sendable {
        let make: () throws -> Element?
        let depth: Int
        var ready: [Result<Element?, any Error>] = []
        var isDone = false
        private let lock: UnsafeMutablePointer<pthread_mutex_t>
        private let changed: UnsafeMutablePointer<pthread_cond_t>

        init(depth: Int, make: @escaping () throws -> Element?) {
            (self.make, self.depth) = (make, depth)
            unsafe lock = .allocate(capacity: 1)
            unsafe changed = .allocate(capacity: 1)
            unsafe pthread_mutex_init(lock, nil)
            unsafe pthread_cond_init(changed, nil)
        }
        deinit {
            unsafe pthread_mutex_destroy(lock)
            unsafe pthread_cond_destroy(changed)
            unsafe lock.deallocate()
            unsafe changed.deallocate()
        }

        /// Waits until `body` gives something; afterwards wakes the other side if `wakes` says so.
        func wait<R>(_ body: () -> R?, wakes: () -> Bool) -> R {
            unsafe pthread_mutex_lock(lock)
            defer { unsafe pthread_mutex_unlock(lock) }
            while true {
                if let result = body() {
                    if wakes() { unsafe pthread_cond_signal(changed) }
                    return result
                }
                unsafe pthread_cond_wait(changed, lock)
            }
        }

        func produce() {
            while true {
                // Once everything is full, nothing is made until half of it is gone: waking up for every element would take
                // a processor from the step that is running each time.
                let isFull = wait({ isDone || ready.count < depth ? false : true }, wakes: { false })
                let isOver = wait({ isDone ? true : !isFull || ready.count <= depth / 2 ? false : nil }, wakes: { false })
                if isOver { return }
                let made = Result { try make() }
                wait({ ready.append(made) }, wakes: { ready.count == 1 })
                guard case .success(.some) = made else { return }
            }
        }
    }

    private let shared: Shared
    /// `nil` when no thread could be had: then elements are made when they are asked for.
    private let thread: pthread_t?
    private var end: Result<Element?, any Error>?

    /// - Parameter depth: how many elements may wait.
    public init(depth: Int, make: @escaping () throws -> Element?) {
        shared = Shared(depth: depth, make: make)
        thread = Self.start(shared)
    }

    private static func start(_ shared: Shared) -> pthread_t? {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(shared)
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<Shared>.fromOpaque(argument!).takeRetainedValue().produce()
                return nil
            }, argument.toOpaque())
        if status == 0 { return thread }
        unsafe argument.release()
        return nil
    }

    deinit {
        guard let thread else { return }
        shared.wait({ shared.isDone = true }, wakes: { true })
        unsafe pthread_join(thread, nil)
    }

    /// The next element; `nil` at the end.
    public func next() throws -> Element? {
        if let end { return try end.get() }
        guard thread != nil else { return try shared.make() }
        let made = shared.wait({ shared.ready.isEmpty ? nil : shared.ready.removeFirst() }, wakes: { shared.ready.count == shared.depth / 2 })
        if case .success(.some) = made {} else { end = made }
        return try made.get()
    }
}
