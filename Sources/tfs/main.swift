// tfs: arguments, exit statuses, one file per subcommand. It reads files, draws on the terminal and minds its signals,
// and leaves everything else to Language and the modules below.

// Scripts may call 10,000 deep, and a main thread's 8 MiB are soon used up.
internal import Language

LastWords.install()
withLargeStack { Tfs.start() }
