"""Reads folders of radiographs: records, images, outlines, and splits by patient."""
