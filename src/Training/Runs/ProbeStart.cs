using Lia.Training.Data;
using Lia.Training.Parameters;
using Lia.Training.Steps;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Lia.Training.Runs;

/// <summary>
/// Where the probe begins that tells labels from motion codes, if the model is there before it: with the least squares of what the run
/// is shown first. A probe of zeros would pull the codes of a model that knows how to move towards nothing.
/// </summary>
internal static class ProbeStart
{
    // Pictures with labels that are looked at, of which an epoch may have fewer; and how many others may lie between them.
    private const int Enough = 2048, EnoughOfDirection = 20, Longest = 4;

    /// <summary>Finds the probe, and writes it into the state, its average too.</summary>
    /// <param name="step">The step, with the model's weights.</param>
    /// <param name="sampler">What the run is shown.</param>
    /// <param name="labels">L.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static void Begin(ITrainingStep step, BatchSampler sampler, int labels, CancellationToken cancellationToken)
    {
        (float[] codes, float[] told) = Look(step, sampler, labels, cancellationToken);
        // A model whose codes are no numbers is told of by the first step.
        if (told.Length == 0 || !Network.Planes.AllFinite(codes)) return;
        float[] probe = Fit(codes, told, labels);
        step.WriteState($"generator.{ParameterLayout.Probe}", probe);
        string average = $"average.{ParameterLayout.Probe}";
        if (step.State.Any(tensor => tensor.Name == average)) step.WriteState(average, probe);
    }

    /// <summary>The least squares of labels told from codes, each label's of the pictures where it is known.</summary>
    /// <param name="codes">[picture, direction].</param>
    /// <param name="told">[picture, label]; NaN is unknown.</param>
    /// <param name="labels">L.</param>
    /// <returns>[label, direction]; zeros of a label that too few pictures have.</returns>
    internal static float[] Fit(ReadOnlySpan<float> codes, ReadOnlySpan<float> told, int labels)
    {
        int pictures = told.Length / labels, directions = codes.Length / pictures;
        Matrix<double> all = Matrix<double>.Build.Dense(pictures, directions), answers = Matrix<double>.Build.Dense(pictures, labels);
        for (int picture = 0; picture < pictures; picture++)
        {
            for (int i = 0; i < directions; i++) all[picture, i] = codes[picture * directions + i];
            for (int label = 0; label < labels; label++) answers[picture, label] = told[picture * labels + label];
        }
        float[] probe = new float[labels * directions];
        // Labels that are known of the same pictures, mostly all of them, are solved together.
        foreach (IGrouping<string, int> alike in Enumerable.Range(0, labels).GroupBy(label => Known(answers, label)))
        {
            int[] rows = [.. Enumerable.Range(0, pictures).Where(picture => alike.Key[picture] == '1')];
            if (rows.Length < directions) continue;
            Matrix<double> known = Matrix<double>.Build.Dense(rows.Length, directions, (row, i) => all[rows[row], i]);
            QR<double> factors = known.QR(QRMethod.Thin);
            // Of directions that nothing in the pictures tells apart, the shortest answer.
            Matrix<double> inverse = factors.R.PseudoInverse();
            foreach (int label in alike)
            {
                Vector<double> right = Vector<double>.Build.Dense(rows.Length, row => answers[rows[row], label]);
                Vector<double> found = inverse * factors.Q.TransposeThisAndMultiply(right);
                for (int i = 0; i < directions; i++) probe[label * directions + i] = (float)found[i];
            }
        }
        return probe;
    }

    private static string Known(Matrix<double> answers, int label) => string.Create(
        answers.RowCount, (answers, label), static (text, from) =>
    {
        for (int picture = 0; picture < text.Length; picture++)
            text[picture] = double.IsNaN(from.answers[picture, from.label]) ? '0' : '1';
    });

    /// <summary>Codes and labels of the pictures of the first batches that have any label.</summary>
    private static (float[] Codes, float[] Told) Look(ITrainingStep step, BatchSampler sampler, int labels, CancellationToken token)
    {
        List<float> codes = [], told = [];
        TrainingBatch batch = sampler.Create();
        int pictures = batch.Labels!.Length / labels;
        for (int number = 0, wanted = Enough, least = 0; told.Count < wanted * labels && number * pictures < Longest * wanted; number++)
        {
            if (sampler.Epochs(number) >= 1 && told.Count >= least * labels) break;
            token.ThrowIfCancellationRequested();
            sampler.Fill(batch, number);
            float[] found = step.Codes(batch);
            int directions = found.Length / pictures;
            least = EnoughOfDirection * directions;
            wanted = Math.Max(Enough, least);
            for (int picture = 0; picture < pictures; picture++)
            {
                ReadOnlySpan<float> known = batch.Labels.AsSpan(picture * labels, labels);
                bool isAny = false;
                foreach (float label in known) isAny |= !float.IsNaN(label);
                if (!isAny) continue;
                told.AddRange(known);
                codes.AddRange(found.AsSpan(picture * directions, directions));
            }
        }
        return ([.. codes], [.. told]);
    }
}
