using Lia.Training.Steps;
using MathNet.Numerics.LinearAlgebra;

namespace Lia.Training.Data;

/// <summary>How parts move between two pictures of one object, by the matrices that place each part in either.</summary>
internal static class PartMoves
{
    private const int Rows = 4;

    /// <summary>Finds each part's movement.</summary>
    /// <param name="target">A matrix [4, 4] of each part: it takes the part's own coordinates (x, y, z, 1) to the target's (u, v, depth, 1)
    /// times W. All zeros where the part's place is unknown.</param>
    /// <param name="source">The same of the source.</param>
    /// <param name="window">Where points of a packed picture lie in what is made of it (<see cref="Augmentation.Coordinates"/>), in both
    /// alike.</param>
    /// <param name="moves">Receives [part, 3, 4], as in <see cref="TargetSurfaces.Moves"/>; zeros where a part's movement is
    /// unknown.</param>
    /// <param name="isKnown">Receives for each part whether its movement is known: both places are, and the target's matrix has an
    /// inverse.</param>
    public static void Between(ReadOnlySpan<float> target, ReadOnlySpan<float> source,
        (double ScaleX, double ShiftX, double ScaleY, double ShiftY) window, Span<float> moves, Span<bool> isKnown)
    {
        for (int part = 0; part < target.Length / PackShape.MatrixLength; part++)
        {
            int at = part * PackShape.MatrixLength;
            isKnown[part] = Between(Placed(target.Slice(at, PackShape.MatrixLength), window),
                Placed(source.Slice(at, PackShape.MatrixLength), window),
                moves.Slice(part * TargetSurfaces.MoveLength, TargetSurfaces.MoveLength));
        }
    }

    private static bool Between(Matrix<double>? target, Matrix<double>? source, Span<float> move)
    {
        // Of a matrix that is all but singular an inverse says nothing. A float32 matrix that is meant has more.
        const double MostError = 1e-6;
        move.Clear();
        if (target is null || source is null) return false;
        Matrix<double> inverse = target.Inverse(), one = target * inverse;
        for (int row = 0; row < Rows; row++)
            for (int column = 0; column < Rows; column++)
                if (!(Math.Abs(one[row, column] - (row == column ? 1 : 0)) <= MostError)) return false;
        Matrix<double> moved = source * inverse;
        for (int row = 0; row < TargetSurfaces.MoveLength / Rows; row++)
        {
            // X, Y and W: how deep it lies there nobody asks.
            for (int column = 0; column < Rows; column++)
                move[row * Rows + column] = (float)moved[row == 2 ? 3 : row, column];
        }
        foreach (float value in move)
        {
            if (float.IsFinite(value)) continue;
            move.Clear();
            return false;
        }
        return true;
    }

    /// <summary>A part's matrix to the window; null where its place is unknown.</summary>
    private static Matrix<double>? Placed(ReadOnlySpan<float> matrix, (double ScaleX, double ShiftX, double ScaleY, double ShiftY) window)
    {
        if (!matrix.ContainsAnyExcept(0f)) return null;
        Matrix<double> placed = Matrix<double>.Build.Dense(Rows, Rows);
        for (int column = 0; column < Rows; column++)
        {
            double w = matrix[3 * Rows + column];
            placed[0, column] = window.ScaleX * matrix[column] + window.ShiftX * w;
            placed[1, column] = window.ScaleY * matrix[Rows + column] + window.ShiftY * w;
            placed[2, column] = matrix[2 * Rows + column];
            placed[3, column] = w;
        }
        return placed;
    }
}
