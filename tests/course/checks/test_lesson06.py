"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import torch

from tests.course.checks.right import assert_accepted, message_to


def term_by_vector(model, start, mu):
    now = torch.cat([p.flatten() for _, p in model.named_parameters()])
    before = torch.cat([start[name].flatten() for name, _ in model.named_parameters()])
    return 0.5 * mu * torch.dot(now - before, now - before)


def term_by_norms(model, start, mu):
    total = torch.zeros(1, dtype=torch.float64)
    for name, p in model.named_parameters():
        total = total + torch.linalg.vector_norm(p - start[name]) ** 2
    return mu / 2 * total


def gradient_by_loop(gradient, server, own):
    found = {}
    for name in reversed(list(gradient)):
        found[name] = gradient[name].clone().add_(server[name]).sub_(own[name])
    return found


def variate_by_change(own, server, start, end, steps, learning_rate):
    change = {n: (start[n] - end[n]) / steps / learning_rate - server[n] for n in own}
    return {n: own[n] + change[n] for n in own}, change


def test_other_ways_to_be_right() -> None:
    assert_accepted("proximal_term", term_by_vector)
    assert_accepted("proximal_term", term_by_norms)
    assert_accepted("corrected_gradient", gradient_by_loop)
    assert_accepted(
        "corrected_gradient",
        lambda gradient, server, own: {
            n: (g + server[n] - own[n]).numpy() for n, g in gradient.items()
        },
    )
    assert_accepted("new_variate", variate_by_change)
    assert_accepted("new_variate", lambda *a: list(variate_by_change(*a)))


def test_slips_of_the_term_get_their_name() -> None:
    def says(term) -> str:
        return message_to("proximal_term", term)

    def each(of, model, start):
        return sum(of(p - start[n]) for n, p in model.named_parameters())

    assert "absolute" in says(lambda m, s, mu: mu / 2 * each(lambda d: d.abs().sum(), m, s))
    assert "cancel" in says(lambda m, s, mu: mu / 2 * each(lambda d: d.sum() ** 2, m, s))
    assert "mean of each tensor" in says(
        lambda m, s, mu: mu / 2 * each(lambda d: d.square().mean(), m, s)
    )
    assert "mu is missing" in says(lambda m, s, mu: each(lambda d: d.square().sum(), m, s) / 2)  # noqa: ARG005
    assert "positive" in says(lambda m, s, mu: -term_by_vector(m, s, mu))
    assert "how large the weights are" in says(
        lambda m, s, mu: mu / 2 * sum(p.square().sum() for p in m.parameters())  # noqa: ARG005
    )
    assert "halve twice" in says(lambda m, s, mu: term_by_vector(m, s, mu) / 2)
    assert "mu / 2 is squared" in says(
        lambda m, s, mu: each(lambda d: (mu / 2 * d).square().sum(), m, s)
    )
    assert "mu is squared" in says(lambda m, s, mu: mu * term_by_vector(m, s, mu))
    assert "not squared, and the 2" in says(lambda m, s, mu: mu * each(lambda d: d.norm(), m, s))


def test_weights_are_found_by_name_although_buffers_stand_between() -> None:
    def by_place(model, start, mu):
        pairs = zip(model.parameters(), start.values(), strict=False)
        return mu / 2 * sum((p - before).square().sum() for p, before in pairs)

    assert "buffers stand between" in message_to("proximal_term", by_place)


def test_a_term_without_a_gradient_or_of_another_type_is_refused() -> None:
    def says(term) -> str:
        return message_to("proximal_term", term)

    def from_state(model, start, mu):
        now = model.state_dict()
        return mu / 2 * sum((now[n] - start[n]).square().sum() for n, _ in model.named_parameters())

    def half_detached(model, start, mu):
        first, *rest = model.named_parameters()
        value = (first[1].detach() - start[first[0]]).square().sum()
        return mu / 2 * (value + sum((p - start[n]).square().sum() for n, p in rest))

    def one_factor_detached(model, start, mu):
        apart = [p - start[n] for n, p in model.named_parameters()]
        return mu / 2 * sum((d * d.detach()).sum() for d in apart)

    assert "half of what is due" in says(one_factor_detached)
    assert "no gradient flows" in says(from_state)
    assert "gradient is lost, that of `0.weight`" in says(half_detached)
    assert "torch tensor" in says(lambda *a: term_by_vector(*a).item())
    assert "one number" in says(
        lambda m, s, mu: (
            mu / 2 * torch.cat([(p - s[n]).square().flatten() for n, p in m.named_parameters()])
        )
    )

    def returns_nothing(model, start, mu):
        term_by_vector(model, start, mu)

    assert "None" in says(returns_nothing)

    def overwrites(model, start, mu):
        value = term_by_vector(model, start, mu)
        for name in start:
            start[name] *= 0
        return value

    assert "change `start`" in says(overwrites)


def test_slips_of_the_gradient_get_their_name() -> None:
    def says(change) -> str:
        return message_to("corrected_gradient", change)

    def with_(of):
        return lambda g, c, own: {n: of(g[n], c[n], own[n]) for n in g}

    assert "`server` is not added" in says(with_(lambda g, c, own: g - own))  # noqa: ARG005
    assert "`server` is taken off" in says(with_(lambda g, c, own: g - (c + own)))
    assert "`own` is added" in says(with_(lambda g, c, own: g + c + own))
    assert "turned, not replaced" in says(with_(lambda g, c, own: c - own))  # noqa: ARG005
    assert "as it was" in says(with_(lambda g, c, own: g + 0))  # noqa: ARG005
    half = lambda g, c, own: {n: g[n] + c[n] * (n != "norm.weight") - own[n] for n in g}  # noqa: E731
    assert "in `norm.weight` at" in says(half)
    assert "a dict" in says(lambda g, c, own: [g[n] + c[n] - own[n] for n in g])
    assert "names" in says(lambda g, c, own: {f"new {n}": g[n] + c[n] - own[n] for n in g})
    assert "shape" in says(with_(lambda g, c, own: (g + c - own).flatten()))


def test_slips_of_the_variate_get_their_name() -> None:
    def says(new_of, change_of=lambda new, own, c: new - own) -> str:  # noqa: ARG005
        def answer(own, server, start, end, steps, learning_rate):
            way = {n: start[n] - end[n] for n in own}
            new = {n: new_of(own[n], server[n], way[n], steps, learning_rate) for n in own}
            return new, {n: change_of(new[n], own[n], server[n]) for n in own}

        return message_to("new_variate", answer)

    def right(own, c, way, k, eta):
        return own - c + way / (k * eta)

    assert "number of steps is missing" in says(lambda own, c, way, k, eta: own - c + way / eta)  # noqa: ARG005
    assert "you multiply" in says(lambda own, c, way, k, eta: own - c + way * k * eta)
    by_k = says(lambda own, c, way, k, eta: own - c + way / k * eta)
    by_eta = says(lambda own, c, way, k, eta: own - c + way / eta * k)
    assert "you divide by K and multiply by eta" in by_k
    assert "you divide by eta and multiply by K" in by_eta
    assert "you multiply by eta" in says(lambda own, c, way, k, eta: own - c + way * eta)  # noqa: ARG005
    assert "you multiply by K" in says(lambda own, c, way, k, eta: own - c + way * k)  # noqa: ARG005
    assert "`server` is added" in says(lambda own, c, way, k, eta: own + c + way / (k * eta))
    assert "`server` is missing" in says(lambda own, c, way, k, eta: own + way / (k * eta))  # noqa: ARG005
    assert "`own` is missing" in says(lambda own, c, way, k, eta: way / (k * eta) - c)  # noqa: ARG005
    assert "Both" in says(lambda own, c, way, k, eta: way / (k * eta))  # noqa: ARG005
    assert "wrong sign: it is" in says(right, lambda new, own, c: own - new)  # noqa: ARG005
    assert "twice" in says(right, lambda new, own, c: new)  # noqa: ARG005
    assert "measured from `server`" in says(right, lambda new, own, c: new - c)  # noqa: ARG005
    assert "two dicts" in message_to("new_variate", lambda *a: variate_by_change(*a)[0])
    swapped = message_to("new_variate", lambda *a: variate_by_change(*a)[::-1])
    assert "the other order" in swapped
