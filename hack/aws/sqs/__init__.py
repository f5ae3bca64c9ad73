"""What SQS checks, delays and does beyond the emulator."""
