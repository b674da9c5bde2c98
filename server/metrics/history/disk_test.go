package history

func fillTheDisk() int { return 0 }
