print("tfs")
