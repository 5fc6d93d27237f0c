"""PixelRNN with a row LSTM: a memory that travels down the image, one row at a time.

A convolution sees as far as its layers reach; a recurrent network carries along what it has seen. Every
position holds a state, made from the states of its three neighbours above and from features of its own row:
    (o, f, i, g) = K_state * h_above + K_input * features         K_input with mask B
    c = sigmoid(f) c_above + sigmoid(i) tanh(g),    h = sigmoid(o) tanh(c)
A whole row is made at once, the rows one after the other. For training all pixels are known (teacher
forcing); for sampling the state is carried along, and each pixel costs one row instead of the whole image.

    x         images, (n, d), whole grey levels 0, ..., n_levels - 1; d = height * width in reading order
    features  masked convolution of the image (mask A), (n, width, height, width of the image)
    h, c      hidden state and memory of one row, (n, width, width of the image) each

Source: van den Oord, Kalchbrenner & Kavukcuoglu 2016 (Pixel recurrent neural networks), section 3.1, eq. 3,
with one LSTM layer. Notebook 06_autoregressive_images.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.autoregressive.chain import as_levels, level_log_prob, start_from
from coursekit.autoregressive.pixelcnn import MaskedConv2d
from coursekit.inputs import positive_int, positive_ints


class PixelRNN(nn.Module):
    """Images row by row with a row LSTM.

    Args:
        shape: (height, width) of the images.
        n_levels: number of grey levels.
        width: channels of features and state.
        kernel: side of the first convolution's window, odd; how far a pixel sees in its own row.

    >>> model = PixelRNN((4, 4), n_levels=3)
    >>> model.logits(torch.zeros(5, 16)).shape
    torch.Size([5, 16, 3])
    """

    def __init__(self, shape: tuple[int, int], *, n_levels: int = 2, width: int = 32, kernel: int = 5):
        super().__init__()
        self.shape = positive_ints(shape, "shape", at_least=2, at_most=2)
        self.n_levels = positive_int(n_levels, "n_levels", low=2)
        self.width, self.kernel = positive_int(width, "width"), kernel
        self.first = MaskedConv2d(2, width, kernel, "A")
        self.input_to_state = nn.Conv1d(width, 4 * width, 2)  # the left neighbour's features and its own
        self.state_to_state = nn.Conv1d(width, 4 * width, 3, padding=1, bias=False)
        self.readout = nn.Sequential(nn.Conv1d(width, width, 1), nn.ReLU(), nn.Conv1d(width, n_levels, 1))
        self.bias = nn.Parameter(torch.zeros(n_levels, *self.shape))

    @property
    def n_pixels(self) -> int:
        """d, pixels per image."""
        return self.shape[0] * self.shape[1]

    def image(self, levels: Tensor) -> Tensor:
        """Levels (n, d) -> (n, 2, height, width): grey in [-1, 1]; ones, which tell the border from grey."""
        grey = 2 * levels.to(self.bias.dtype).reshape(-1, 1, *self.shape) / (self.n_levels - 1) - 1
        return torch.cat([grey, torch.ones_like(grey)], dim=1)

    def empty_state(self, n: int) -> tuple[Tensor, Tensor]:
        """h and c above the first row, (n, width, width of the image) each: nothing seen yet."""
        h = self.bias.new_zeros(n, self.width, self.shape[1])
        return h, h

    def step(self, features: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """One row of the LSTM. van den Oord et al. 2016, eq. 3.

        Args:
            features: of this row, (n, width, width of the image).
            state: h and c of the row above.
        """
        h, c = state
        drive = self.state_to_state(h) + self.input_to_state(F.pad(features, (1, 0)))
        o, f, i, g = drive.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def row_logits(self, h: Tensor, row: int) -> Tensor:
        """Logits (n, width of the image, n_levels) of one row from its states h."""
        return (self.readout(h) + self.bias[:, row]).transpose(1, 2)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, d, n_levels) of every pixel given those before it, all pixels being known; x (n, d)."""
        features = torch.relu(self.first(self.image(as_levels(x, self.n_pixels, self.n_levels, like=self))))
        state, rows = self.empty_state(len(x)), []
        for row in range(self.shape[0]):
            state = self.step(features[:, :, row], state)
            rows.append(self.row_logits(state[0], row))
        return torch.cat(rows, dim=1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (n,), exactly; x (n, d)."""
        return level_log_prob(self.logits(x), as_levels(x, self.n_pixels, self.n_levels, like=self))

    def loss(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Mean negative log-likelihood, nats per image; x (n, d)."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n: int, *, start: Tensor | None = None, rng: torch.Generator | None = None) -> Tensor:
        """n images (n, d), int64; start (n, m) or (1, m) holds their first m pixels.

        The state of the row above is carried along, so a pixel costs a window of `kernel` rows, not an image.
        """
        x, n_known = start_from(start, n, self.n_pixels, self.n_levels, like=self)
        n_columns, state = self.shape[1], self.empty_state(n)
        for row in range(self.shape[0]):
            for column in range(n_columns):
                if row * n_columns + column >= n_known:
                    h, _ = self.step(self.row_features(x, row), state)
                    probability = self.row_logits(h, row)[:, column].softmax(-1)
                    drawn = torch.multinomial(probability, 1, generator=rng)[:, 0]
                    x[:, row * n_columns + column] = drawn
            state = self.step(self.row_features(x, row), state)  # the row is complete: move on
        return x

    def row_features(self, x: Tensor, row: int) -> Tensor:
        """Features (n, width, width of the image) of one row of x (n, d), from it and those just above it."""
        above = self.kernel // 2
        image = F.pad(self.image(x), (0, 0, above, 0))[:, :, row : row + above + 1]
        weight = (self.first.weight * self.first.mask)[:, :, : above + 1]  # below its centre the mask is 0
        drive = F.conv2d(image, weight, self.first.bias, padding=(0, above))
        return torch.relu(drive)[:, :, 0]
