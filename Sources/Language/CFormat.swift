internal import Glibc

/// C's `printf` of one number: the wrapper around the C library's correctly rounded decimal output.
func cFormat(_ format: String, _ value: Double) -> String {
    unsafe withVaList([value]) { arguments in
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 900) { buffer in
            let length = unsafe vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
            return unsafe String(decoding: UnsafeRawBufferPointer(buffer).prefix(max(0, min(Int(length), buffer.count - 1))), as: UTF8.self)
        }
    }
}
