import os
import unittest
from pathlib import Path

import memory

STATUS = """\
Name:\toperator
VmPeak:\t  999999 kB
VmHWM:\t   20000 kB
VmRSS:\t   10000 kB
Threads:\t4
"""
SMAPS = """\
55d0c0a00000-55d0c1000000 r-xp 00000000 fe:00 1234                       /opt/task pipelines/operator
Size:               6144 kB
Rss:                3000 kB
Pss:                3000 kB
VmFlags: rd ex mr mw me
55d0c2000000-55d0c2400000 rw-p 00000000 00:00 0                          [heap]
Size:               4096 kB
Rss:                2000 kB
7f0000000000-7f0000021000 rw-p 00000000 00:00 0
Rss:                 500 kB
7f1000000000-7f1000021000 rw-p 00000000 00:00 0                          [anon: glibc: malloc]
Rss:                 500 kB
7f2000000000-7f2000021000 r--p 00000000 fe:00 99                         /usr/lib/libc.so.6
Rss:                1000 kB
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
Rss:                   0 kB
"""


class MemoryTest(unittest.TestCase):
    def test_sizes_of_a_status_are_decimal_megabytes(self) -> None:
        self.assertAlmostEqual(memory.status_field(STATUS, "VmHWM"), 20.48)
        self.assertAlmostEqual(memory.status_field(STATUS, "VmRSS"), 10.24)

    def test_mappings_are_summed_by_kind_the_largest_first(self) -> None:
        kinds = memory.by_kind(SMAPS)
        self.assertEqual(list(kinds), ["files", "heap", "anonymous"])
        self.assertAlmostEqual(kinds["files"], 4.096)
        self.assertAlmostEqual(kinds["heap"], 2.048)
        self.assertAlmostEqual(kinds["anonymous"], 1.024)

    def test_a_name_with_brackets_and_spaces_does_not_shift_the_ticks(self) -> None:
        stat = "42 (a) name (b) S 1 42 42 0 -1 4194560 100 0 0 0 17 5 0 0 20 0 4 0 1000 0 0"
        self.assertEqual(memory.ticks(stat), 22)

    @unittest.skipUnless(Path("/proc/self/smaps").exists(), "needs Linux's /proc")
    def test_a_real_process_is_understood(self) -> None:
        pid = os.getpid()
        self.assertGreaterEqual(memory.peak(pid), memory.now(pid))
        self.assertLess(abs(sum(memory.breakdown(pid).values()) - memory.now(pid)), 0.2 * memory.now(pid))
        self.assertGreaterEqual(memory.cpu_ticks(pid), 0)


if __name__ == "__main__":
    unittest.main()
