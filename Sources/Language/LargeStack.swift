internal import Glibc

/// Runs `body` on a thread whose stack holds the deepest nesting of calls that the language allows, and waits for it.
///
/// Calls of tfs functions do not nest on the stack, but what calls back does: a function that `map` calls, a layer's
/// body. Every way into a `Session` that a user's text can reach runs below this.
public func withLargeStack<R>(_ body: () -> R) -> R {
    var result: R?
    withoutActuallyEscaping(body) { body in
        let work = Work { result = body() }
        if let thread = start(work) { pthread_join(thread, nil) } else { work.run() }
    }
    guard let result else { preconditionFailure("the thread ended without a result") }
    return result
}

/// Runs `body` on so many threads of that kind at once, each with its number, and waits for all.
public func withLargeStacks(_ count: Int, _ body: @Sendable (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
        let works = (0..<count).map { number in Work { body(number) } }
        let threads = works.map(start)
        for (work, thread) in zip(works, threads) {
            if let thread { pthread_join(thread, nil) } else { work.run() }
        }
    }
}

/// A thread that does the work; `nil` when the machine has none to give.
private func start(_ work: Work) -> pthread_t? {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    // Only address space: what is never touched costs nothing. A machine that refuses so much gives less.
    for megabytes in [1024, 256, 64] {
        unsafe pthread_attr_setstacksize(&attributes, megabytes << 20)
        let context = unsafe Unmanaged.passRetained(work)
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, &attributes,
            { context in
                if let context = unsafe context { unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        if status == 0 { return thread }
        unsafe context.release()
    }
    return nil
}

private final class Work {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
