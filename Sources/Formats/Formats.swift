// Formats: files ⇄ arrays, one file per format. Readers stream, check every length against the file before
// they allocate, and name the file and the byte (or line and column) in every error. Writers write to a
// temporary name, flush, and rename. `Files.swift` wraps the system's calls and `Zlib.swift` the library's;
// only these two are unsafe.
