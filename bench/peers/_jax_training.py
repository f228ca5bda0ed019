"""Training in JAX for the scripts beside this one."""
import jax
import jax.numpy as jnp


class Trainer:
    """Adam(1e-3) on `loss(params, X, Y, rows)`, which gathers its rows itself. The step is one jitted program that donates its
    state; the sum of the losses is part of that, so that nothing but the step is dispatched."""

    def __init__(self, loss, params):
        zeros = lambda: jax.tree.map(jnp.zeros_like, params)
        self.state = (params, zeros(), zeros(), jnp.zeros(()), jnp.zeros(()))

        def step(s, X, Y, i):
            p, m, v, t, total = s
            l, g = jax.value_and_grad(loss)(p, X, Y, i)
            t = t + 1
            m = jax.tree.map(lambda m, g: .9 * m + .1 * g, m, g)
            v = jax.tree.map(lambda v, g: .999 * v + .001 * g * g, v, g)
            p = jax.tree.map(lambda p, m, v: p - 1e-3 * (m / (1 - .9 ** t)) / (jnp.sqrt(v / (1 - .999 ** t)) + 1e-8), p, m, v)
            return p, m, v, t, total + l
        self.step = jax.jit(step, donate_argnums=0)

    def fit(self, X, Y, batches):
        """One pass over batches of row numbers; gives their mean loss."""
        state = (*self.state[:4], jnp.zeros(()))
        for i in batches:
            state = self.step(state, X, Y, i)
        self.state = state
        return float(state[4]) / len(batches)
