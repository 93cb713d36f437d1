"""What a run costs, said before it: hours, memory and disk, without training or writing anything."""
