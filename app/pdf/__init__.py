"""Documents as PDF, with text in any script.

`fonts` finds and cuts down the fonts that a text needs; `document` lays out a report. fpdf2 writes the file,
and HarfBuzz shapes the letters.
"""
