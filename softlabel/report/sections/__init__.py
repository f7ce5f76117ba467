"""The parts of the report, one file each: what is said, drawn and tabulated about one question."""
