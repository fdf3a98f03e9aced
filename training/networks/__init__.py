"""The networks in Keras, their Grad-CAM, and their export to graphs."""
