"""The basis of an edited scan written and read back."""

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import BasisMismatchError, MissingFileError
from neurochem.mrs.edited.basis_files import edited_basis_files, read_edited_basis, write_edited_basis

GRID = {"larmor_mhz": 127.73, "dwell_s": 5e-4, "points": 512, "metabolites": ["GABA", "NAA", "Cr", "GSH"]}


@pytest.fixture(scope="module", params=["mega-press", "hermes"])
def made(request):
    return mrs.simulate_basis(request.param, echo_time_s=0.080, **GRID)


@pytest.mark.parametrize("name", ["x.BASIS", "x.nii.gz", "x"])
def test_what_was_written_is_read_back(made, tmp_path, name):
    written = write_edited_basis(made, tmp_path / name)
    assert set(edited_basis_files(tmp_path / name)) == set(written)
    again = read_edited_basis(tmp_path / name)
    assert set(again) == set(made)
    for result, basis in made.items():
        assert again[result].names == basis.names
        # 16 digits of the largest frequency are in a .BASIS file
        np.testing.assert_allclose(again[result].select(list(basis.names)).fids, basis.fids, atol=1e-12)
    assert {basis.proton_amplitude for basis in again.values()} == {1.0}


def test_one_file_is_a_difference(made, tmp_path):
    name = "difference" if "difference" in made else "difference_gaba"
    mrs.write_basis(made[name], tmp_path / "d.BASIS")
    assert isinstance(read_edited_basis(tmp_path / "d.BASIS"), mrs.Basis)


def test_what_is_missing_or_does_not_fit_is_said(tmp_path):
    made = mrs.simulate_basis("mega-press", echo_time_s=0.068, **GRID)
    with pytest.raises(MissingFileError, match=r"x_on\.BASIS and x_off\.BASIS"):
        read_edited_basis(tmp_path / "x.BASIS")
    mrs.write_basis(made.on, tmp_path / "x_on.BASIS")
    with pytest.raises(MissingFileError, match=r"nor x_off\.BASIS beside it"):
        read_edited_basis(tmp_path / "x.BASIS")
    mrs.write_basis(made.off.drop("GSH"), tmp_path / "x_off.BASIS")
    with pytest.raises(BasisMismatchError, match="the same elements"):
        read_edited_basis(tmp_path / "x.BASIS")
