"""The report of a run: its facts as report.json, and the same with pictures as one self-contained page, report.html."""
