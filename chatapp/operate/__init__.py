"""What the operator does and reads: commands, certificates, the banner at the start."""
