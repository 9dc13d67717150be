"""Documents as PDF, with text in any script.

`fonts` finds the fonts a text needs and subsets them; `document`, `receipt` and `tickets` lay out pages.
fpdf2 writes the file, and HarfBuzz shapes the text.
"""
