"""What IAM checks, delays and enforces beyond the emulator."""
