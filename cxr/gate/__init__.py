"""Is it a frontal chest radiograph, and where are its lungs?"""
