"""Folders of radiographs become records, images and outlines."""
