import torch

torch.set_num_threads(1)  # everything here is small: threads would only wait for each other
