"""A document's figures depend on model, document and recorded options alone: in any order, and however often a scan is killed."""

import harness
import killed_scans


class KilledScans(harness.ProgramTest):
    def test_every_family_gives_the_bytes_of_an_undisturbed_scan(self):
        for seed, arch in enumerate(killed_scans.FAMILIES):
            with self.subTest(arch):
                folder = self.folder / arch
                folder.mkdir()
                hits, wrong = killed_scans.differences(folder, self.environment(), arch, 24, 4, seed)
                self.assertEqual(wrong, [])
                self.assertGreater(hits, 0, "no kill came in time")


if __name__ == "__main__":
    harness.main()
