internal import Glibc

/// C's `printf` of one number: the wrapper around the C library's correctly rounded decimal output.
func cFormat(_ format: String, _ value: Double) -> String {
    unsafe withVaList([value]) { arguments in
        var buffer = [CChar](repeating: 0, count: 900)
        let length = unsafe vsnprintf(&buffer, buffer.count, format, arguments)
        return String(decoding: buffer.prefix(max(0, min(Int(length), buffer.count - 1))).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
