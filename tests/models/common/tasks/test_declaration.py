"""The tasks of a YAML: what they may say, and one line for what they may not."""

import pytest

from models.common.tasks.declaration import INCOME_MARITAL, Task, conditions, tasks_of


def tasks(*entries):
    return tasks_of({"hyper_parameters.tasks": list(entries)})


def test_tasks_keep_their_order_and_defaults():
    found = tasks(
        {"name": "click", "label_column": 3},
        {"name": "buy", "label_column": 0, "weight": 2, "rows": "click"},
    )
    assert found == (Task("click", 3), Task("buy", 0, 2, "click"))
    assert conditions(found) == [(1, 0)]


def test_a_yaml_without_tasks_has_paddlerecs_two():
    assert tasks_of({}) == INCOME_MARITAL


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"name": "", "label_column": 0}, "expected a name that is not empty, found ''"),
        ({"name": " ", "label_column": 0}, "expected a name that is not empty, found ' '"),
        (
            {"name": "a", "label_column": -1},
            "a: label_column: expected an integer of at least 0, found -1",
        ),
        (
            {"name": "a", "label_column": True},
            "a: label_column: expected an integer of at least 0, found True",
        ),
        (
            {"name": "a", "label_column": 0, "weight": -1},
            "a: weight: expected a number of at least 0, found -1",
        ),
        (
            {"name": "a", "label_column": 0, "rows": "a"},
            "a: rows: expected the name of another task",
        ),
        (
            {"name": "a", "label_column": 0, "wieght": 1},
            "a: unknown key wieght; a task has name, label_column, weight, rows",
        ),
        ({"name": "a", "label_column": 0, "weight": 0}, "every task has weight 0"),
        (
            {"name": "a", "label_column": 0, "weight": "1"},
            "a: weight: expected a number of at least 0, found '1'",
        ),
        ({"name": 3, "label_column": 0}, "3: name: expected a text, found 3"),
        ({"name": "a"}, "expected entries of name"),
        ("click", "expected entries of name"),
    ],
)
def test_what_a_task_may_not_say(entry, problem):
    with pytest.raises(ValueError, match=f"hyper_parameters.tasks: {problem}"):
        tasks(entry)


def test_two_tasks_need_two_names():
    with pytest.raises(ValueError, match="two tasks have one name: a, a"):
        tasks({"name": "a", "label_column": 0}, {"name": "a", "label_column": 1})


@pytest.mark.parametrize(
    ("name", "classes", "class_num"), [("rating_bad", ["bad", "good"], None), ("rating_2", None, 3)]
)
def test_predictions_of_two_tasks_need_two_names(name, classes, class_num):
    """A table of predictions has a column a class; another task's would replace it unseen."""
    rating = {"name": "rating", "label_column": 1, "type": "multiclass"}
    rating.update({"classes": classes} if classes else {"class_num": class_num})
    with pytest.raises(ValueError, match=f"{name} and rating would both have a column {name}"):
        tasks({"name": name, "label_column": 0}, rating)
    tasks({"name": f"{name}r", "label_column": 0}, rating)


@pytest.mark.parametrize("value", [[], "click", {"name": "a"}])
def test_tasks_are_a_list(value):
    with pytest.raises(ValueError, match="expected a list of tasks"):
        tasks_of({"hyper_parameters.tasks": value})


def test_a_task_whose_rows_depend_on_rows_is_refused():
    chain = [
        {"name": "click", "label_column": 0},
        {"name": "cart", "label_column": 1, "rows": "click"},
        {"name": "buy", "label_column": 2, "rows": "cart"},
    ]
    with pytest.raises(ValueError, match="buy: rows: expected a task that counts in all rows, but"):
        tasks(*chain)
