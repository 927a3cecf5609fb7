"""
Configuration workbooks: what a customer fills in, signs, and finds on the site.

    form      what a workbook has to hold: sheets and typed columns, as a template says
    writing   an empty workbook with help, lists and examples; the same form gives the same bytes
    book      reading one, XLSX or CSV, row by row
    values    what one cell means by its column
    checking  every fault, at its sheet and cell
    adopting  a sound file becomes the document that is signed
    loading   its rows on the site, and the proof that they are there
"""
