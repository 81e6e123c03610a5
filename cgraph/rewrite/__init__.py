"""Rewriting graphs: rules that read as equations, the stability rules, the lint and the accuracy report.

A package of its own because it stands above the engine: it takes graphs and gives graphs or findings, and the engine does not know it.
"""
