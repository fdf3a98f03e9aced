"""The gate: is an image a frontal chest radiograph, and where are its lungs?"""
