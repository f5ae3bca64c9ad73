"""What Lambda checks, delays and does beyond the emulator."""
